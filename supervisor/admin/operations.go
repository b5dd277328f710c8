package admin

import (
	"net/http"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/sse"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

const (
	healthPath    = "/healthz"
	readyPath     = "/readyz"
	metricsPath   = "/metrics"
	instancesPath = "/admin/v1/instances"
	instancePath  = instancesPath + "/{name}"
	configPath    = "/admin/v1/config"
	logLevelPath  = "/admin/v1/log-level"

	instanceLogLevelPath = instancePath + "/log-level"

	snapshotSuffix = "/snapshot"

	tagInstances = "instances"
	tagConfig    = "configuration"
	tagProcess   = "process"
)

// newInstance documents the body of a request that adds an instance.
type newInstance config.Instance

// The parameters that several operations have.
var (
	waitParameter  = openapi.Parameter{Name: "wait", Type: true, Description: "Whether to answer only when it is done; true unless given."}
	graceParameter = openapi.Parameter{Name: "grace", Example: "30s",
		Description: "How long what is in flight may take to finish, from 1ms to 24h; the instance's own drain_grace unless given."}
)

// The answers that several operations have.
var (
	oneInstance = openapi.Answer{Status: http.StatusOK, Description: "The instance as it is now.", Body: wire.Instance{}}
	accepted    = openapi.Answer{Status: http.StatusAccepted, Description: "It is under way; the instance as it is now.", Body: wire.Instance{}}
	etagHeader  = map[string]string{"ETag": "Entity tag of the desired state, for If-Match."}
)

// operations is the table of all there is.
func operations() []operation {
	all := append(append(instanceOperations(), configOperations()...), processOperations()...)
	for i := range all {
		describe(&all[i])
	}
	return all
}

// describe adds to an operation the problems that it may answer with by what it
// reads.
func describe(o *operation) {
	var more []int
	if slices.Contains(o.Problems, http.StatusUnprocessableEntity) { // it reads a query, or refuses one
		more = append(more, http.StatusBadRequest, http.StatusInternalServerError)
	}
	if o.Method != http.MethodGet { // it reads a body, or refuses one
		more = append(more, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	for _, status := range more {
		if !slices.Contains(o.Problems, status) {
			o.Problems = append(o.Problems, status)
		}
	}
}

func instanceOperations() []operation {
	const tag = tagInstances
	list := []operation{
		{serve: listInstances, Operation: openapi.Operation{
			Method: "GET", Path: instancesPath, ID: "list-instances", Tag: tag, Summary: "All instances, ordered by name",
			Answers:  []openapi.Answer{{Status: 200, Description: "All instances.", Body: wire.Instances{}}},
			Problems: []int{401, 403, 422, 429},
		}},
		{serve: addInstance, Operation: openapi.Operation{
			Method: "POST", Path: instancesPath, ID: "add-instance", Tag: tag, Summary: "Add an instance",
			Description: "The body is one entry of `instances:` in the configuration. The entry is kept, and is there again after a restart of the process. An instance that is waited for and does not start is forgotten again.",
			Query:       []openapi.Parameter{waitParameter}, Body: newInstance{},
			Answers: []openapi.Answer{
				{Status: 201, Description: "It runs.", Body: wire.Instance{}, Headers: map[string]string{"Location": "Path of the instance."}},
				{Status: 202, Description: "It is starting.", Body: wire.Instance{}, Headers: map[string]string{"Location": "Path of the instance."}},
			},
			Problems: []int{400, 401, 403, 409, 413, 415, 422, 429, 503},
		}},
		{serve: getInstance, Operation: openapi.Operation{
			Method: "GET", Path: instancePath, ID: "get-instance", Tag: tag, Summary: "One instance",
			Answers: []openapi.Answer{oneInstance}, Problems: []int{401, 403, 404, 422, 429},
		}},
		{serve: removeInstance, Operation: openapi.Operation{
			Method: "DELETE", Path: instancePath, ID: "remove-instance", Tag: tag, Summary: "Drain an instance and forget it",
			Description: "Instances of a configuration file are refused: they would be back at its next reading. The books stay, unless purge asks otherwise, and are found again by an instance of the same schema.",
			Query: []openapi.Parameter{graceParameter, waitParameter,
				{Name: "purge", Type: true, Description: "Whether to drop its books and its keys in Redis, too; false unless given."}},
			Answers:  []openapi.Answer{{Status: 204, Description: "It is gone."}, accepted},
			Problems: []int{401, 403, 404, 409, 422, 429, 503},
		}},
	}
	lasting := []struct {
		name, summary, description string
		query                      []openapi.Parameter
		do                         action
	}{
		{"drain", "Stop an instance in good order", "It becomes unready, finishes what is in flight, and releases its ports. Data and entry are kept, and it stays drained over a restart of the process.",
			[]openapi.Parameter{graceParameter, waitParameter}, Supervisor.Drain},
		{"start", "Start an instance that is drained or failed", "Starting what runs changes nothing.", []openapi.Parameter{waitParameter}, startInstance},
		{"restart", "Drain an instance and start it again", "", []openapi.Parameter{graceParameter, waitParameter}, Supervisor.Restart},
		{"reset", "Take an instance back to its opening", "It is drained, its books and its keys in Redis are dropped, and it starts again with its opening, if it is meant to run.",
			[]openapi.Parameter{graceParameter, waitParameter}, Supervisor.Reset},
	}
	for _, o := range lasting {
		list = append(list, operation{serve: operate(o.do), Operation: openapi.Operation{
			Method: "POST", Path: instancePath + "/" + o.name, ID: o.name + "-instance", Tag: tag, Summary: o.summary, Description: o.description,
			Query: o.query, Answers: []openapi.Answer{oneInstance, accepted}, Problems: []int{401, 403, 404, 409, 422, 429, 503},
		}})
	}
	list = append(list, stateOperations()...)
	return append(list,
		operation{serve: pause(Supervisor.Pause), Operation: openapi.Operation{
			Method: "POST", Path: instancePath + "/pause", ID: "pause-instance", Tag: tag, Summary: "Pause an instance",
			Description: "It keeps its ports and answers 503 `paused` until it is resumed, also over a restart of the process.",
			Answers:     []openapi.Answer{oneInstance}, Problems: []int{401, 403, 404, 409, 422, 429, 503},
		}},
		operation{serve: pause(Supervisor.Resume), Operation: openapi.Operation{
			Method: "POST", Path: instancePath + "/resume", ID: "resume-instance", Tag: tag, Summary: "End a pause",
			Answers: []openapi.Answer{oneInstance}, Problems: []int{401, 403, 404, 409, 422, 429, 503},
		}},
		operation{serve: getEvents, Operation: openapi.Operation{
			Method: "GET", Path: "/admin/v1/events", ID: "get-events", Tag: tag, Summary: "Changes in the life of instances",
			Description: "Answers the events that are still kept, some thousands. With `Accept: text/event-stream` they are sent as server-sent events, followed by each one that happens; the name of an event is its state. After a restart of the process the numbers begin anew, and an id that is not known yet means the beginning.",
			Query: []openapi.Parameter{
				{Name: "after", Type: uint64(0), Description: "Id of the last event that is known already."},
				{Name: "instance", Description: "Only events of this instance."},
			},
			Headers: []openapi.Parameter{{Name: "Last-Event-ID", Description: "The same as after, and takes precedence; browsers send it when they resume a stream."}},
			Answers: []openapi.Answer{
				{Status: 200, Description: "The events.", Body: wire.Events{}},
				{Status: 200, MediaType: sse.MediaType},
			},
			Problems: []int{401, 403, 422, 429},
		}},
	)
}

func configOperations() []operation {
	return []operation{
		{serve: getConfig, Operation: openapi.Operation{
			Method: "GET", Path: configPath, ID: "get-config", Tag: tagConfig, Summary: "The whole desired state",
			Description: "Passwords are hidden.",
			Headers:     []openapi.Parameter{{Name: "If-None-Match", Description: "Entity tags; answered with 304 if the state has one of them."}},
			Answers: []openapi.Answer{
				{Status: 200, Description: "The desired state.", Body: document{}, Headers: etagHeader},
				{Status: 304, Description: "It is the one that is known already.", Headers: etagHeader},
			},
			Problems: []int{400, 401, 403, 422, 429, 503},
		}},
		{serve: putConfig, Operation: openapi.Operation{
			Method: "PUT", Path: configPath, ID: "put-config", Tag: tagConfig, Summary: "Replace the desired state",
			Description: "What differs is set in motion: instances are added, restarted, drained. Nothing is waited for. Entries of a configuration file must be there unchanged. Passwords that read as they were shown stay as they are. Lists that are left out are empty.",
			Query:       []openapi.Parameter{{Name: "dry_run", Type: true, Description: "Whether to answer only what would change; false unless given."}},
			Headers:     []openapi.Parameter{{Name: "If-Match", Description: "Entity tags, one of which must be that of the present state; without it the last writer wins."}},
			Body:        document{},
			Answers:     []openapi.Answer{{Status: 200, Description: "What changes.", Body: wire.Plan{}, Headers: etagHeader}},
			Problems:    []int{400, 401, 403, 409, 412, 413, 415, 422, 429, 503},
		}},
	}
}

func processOperations() []operation {
	const tag = tagProcess
	return []operation{
		{serve: getLogLevel, Operation: openapi.Operation{
			Method: "GET", Path: logLevelPath, ID: "get-log-level", Tag: tag, Summary: "The level of the log",
			Answers: []openapi.Answer{{Status: 200, Description: "The level.", Body: wire.LogLevel{}}}, Problems: []int{401, 403, 422, 429},
		}},
		{serve: putLogLevel, Operation: openapi.Operation{
			Method: "PUT", Path: logLevelPath, ID: "put-log-level", Tag: tag, Summary: "Change the level of the log",
			Description: "It holds until the process ends or its configuration is read with another level.", Body: wire.LogLevel{},
			Answers:  []openapi.Answer{{Status: 200, Description: "The new level.", Body: wire.LogLevel{}}},
			Problems: []int{400, 401, 403, 413, 415, 422, 429},
		}},
		{serve: getInstanceLogLevel, Operation: openapi.Operation{
			Method: "GET", Path: instanceLogLevelPath, ID: "get-instance-log-level", Tag: tagInstances, Summary: "The level of what is logged of an instance",
			Answers: []openapi.Answer{{Status: 200, Description: "The level.", Body: wire.InstanceLogLevel{}}}, Problems: []int{401, 403, 404, 422, 429},
		}},
		{serve: putInstanceLogLevel, Operation: openapi.Operation{
			Method: "PUT", Path: instanceLogLevelPath, ID: "put-instance-log-level", Tag: tagInstances, Summary: "Give an instance a level of its own",
			Description: "It holds until the process ends or a request removes the instance, whatever the level of the process.", Body: wire.LogLevel{},
			Answers:  []openapi.Answer{{Status: 200, Description: "The new level.", Body: wire.InstanceLogLevel{}}},
			Problems: []int{400, 401, 403, 404, 413, 415, 422, 429},
		}},
		{serve: deleteInstanceLogLevel, Operation: openapi.Operation{
			Method: "DELETE", Path: instanceLogLevelPath, ID: "delete-instance-log-level", Tag: tagInstances, Summary: "Give an instance the level of the process again",
			Answers: []openapi.Answer{{Status: 200, Description: "The new level.", Body: wire.InstanceLogLevel{}}}, Problems: []int{401, 403, 404, 422, 429},
		}},
		{serve: getHealth, exempt: true, Operation: openapi.Operation{
			Method: "GET", Path: healthPath, ID: "get-health", Tag: tag, Summary: "Whether the process answers",
			Answers: []openapi.Answer{{Status: 200, Description: "It does.", Body: wire.Health{}}},
		}},
		{serve: getReadiness, exempt: true, Operation: openapi.Operation{
			Method: "GET", Path: readyPath, ID: "get-readiness", Tag: tag, Summary: "Whether the process is ready",
			Answers: []openapi.Answer{
				{Status: 200, Description: "It is.", Body: wire.Readiness{}},
				{Status: 503, Description: "It is starting or shutting down.", Body: wire.Readiness{}},
			},
		}},
		{serve: getMetrics, Operation: openapi.Operation{
			Method: "GET", Path: metricsPath, ID: "get-metrics", Tag: tag, Summary: "Metrics of the process and of all instances",
			Answers: []openapi.Answer{{Status: 200, Description: "Prometheus text format, or OpenMetrics where it is asked for.", MediaType: "text/plain"}}, Problems: []int{401, 403, 429},
		}},
		{serve: getProfile, Operation: openapi.Operation{
			Method: "GET", Path: profilesPath + "{profile}", ID: "get-profile", Tag: tag, Summary: "A profile of the process, for go tool pprof",
			Description: "profile (of the processors), block, mutex, heap, allocs or goroutine. One at a time.",
			Query: []openapi.Parameter{{Name: "seconds", Type: 0, Example: 10,
				Description: "For how long to record, 1 to 60. The first three need it; of the others it asks for what changes within it."}},
			Answers:  []openapi.Answer{{Status: 200, Description: "A gzipped protocol buffer.", MediaType: "application/octet-stream"}},
			Problems: []int{401, 403, 404, 422, 429},
		}},
		{serve: getVersion, Operation: openapi.Operation{
			Method: "GET", Path: "/version", ID: "get-version", Tag: tag, Summary: "Which program answers",
			Answers: []openapi.Answer{{Status: 200, Description: "The program.", Body: wire.Version{}}}, Problems: []int{401, 403, 429},
		}},
		{serve: getOpenAPI, Operation: openapi.Operation{
			Method: "GET", Path: "/openapi.json", ID: "get-openapi", Tag: tag, Summary: "This description",
			Answers: []openapi.Answer{{Status: 200, Description: "OpenAPI 3.1.", Body: openapi.Object{}}}, Problems: []int{401, 403, 429},
		}},
	}
}
