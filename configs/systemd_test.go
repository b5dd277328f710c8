package configs

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// unit returns the settings of a unit file by section and name; of what is set several
// times, which makes a list, all with a space between.
func unit(t *testing.T, name string) map[string]string {
	t.Helper()
	settings, section := map[string]string{}, ""
	for line := range strings.Lines(read(t, "systemd/"+name)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			t.Fatalf("%s: %q", name, line)
		}
		settings[section+"."+key] = strings.TrimSpace(settings[section+"."+key] + " " + value)
	}
	return settings
}

func TestUnitStartsTheProgramWithWhatItTakes(t *testing.T) {
	t.Parallel()
	service, socket := unit(t, "custodian.service"), unit(t, "custodian.socket")
	want := "/usr/local/bin/custodian serve --config /etc/custodian/custodian.yaml"
	if got := service["Service.ExecStart"]; got != want {
		t.Errorf("ExecStart=%s, want %s", got, want)
	}
	// As the comment has it installed, with the variables that are set there.
	name, value, _ := strings.Cut(strings.ReplaceAll(service["Service.Environment"], "%S", "/var/lib"), "=")
	cfg := loads(t, []string{name + "=" + value}, "local.yaml")
	if cfg.DataDir != "/var/lib/"+service["Service.StateDirectory"] {
		t.Errorf("books are kept in %s, and systemd makes %s", cfg.DataDir, service["Service.StateDirectory"])
	}
	if got := socket["Socket.ListenStream"]; got != cfg.Admin.Listen || service["Service.Sockets"] != "custodian.socket" || service["Service.Type"] != "notify" {
		t.Errorf("%s is handed over, admin.listen is %s", got, cfg.Admin.Listen)
	}
	for key, want := range map[string]string{
		"service.Unit.After":               "network-online.target postgresql.service redis-server.service",
		"service.Service.ExecReload":       "/bin/kill -HUP $MAINPID",
		"service.Service.Restart":          "on-failure", // what ended with 0 was drained
		"service.Service.RestartSec":       "5",
		"service.Service.LimitNOFILE":      "65536",
		"service.Service.TimeoutStartSec":  "infinity", // a standby waits for as long as the other runs
		"service.Service.WorkingDirectory": "%S/custodian",
		"service.Service.EnvironmentFile":  "-/etc/custodian/environment",
		"service.Install.WantedBy":         "multi-user.target",
		"service.Install.Also":             "custodian.socket",
		"socket.Install.WantedBy":          "sockets.target",
	} {
		file, setting, _ := strings.Cut(key, ".")
		if got := map[string]map[string]string{"service": service, "socket": socket}[file][setting]; got != want {
			t.Errorf("%s of the %s is %q, want %q", setting, file, got, want)
		}
	}
	drain := cfg.Defaults.DrainGrace.Std() + 8*time.Second
	if stop, err := time.ParseDuration(service["Service.TimeoutStopSec"] + "s"); err != nil || stop <= drain {
		t.Errorf("TimeoutStopSec=%s, and a drain may take %s", service["Service.TimeoutStopSec"], drain)
	}
	// The variables that the comment names are ones of the program.
	comment := read(t, "systemd/custodian.service")
	var env []string
	for line := range strings.Lines(comment) {
		if pair, ok := strings.CutPrefix(strings.TrimSpace(line), "#     CUSTODIAN_"); ok {
			env = append(env, "CUSTODIAN_"+strings.NewReplacer("<sha256>", strings.Repeat("a", 64), "://…", "://host/").Replace(pair))
		}
	}
	if cfg = loads(t, env, "local.yaml"); len(env) != 3 || len(cfg.Admin.Tokens) != 2 {
		t.Errorf("%v: %+v", env, cfg.Admin)
	}
}

func TestUnitMayDoLittle(t *testing.T) {
	t.Parallel()
	service := unit(t, "custodian.service")
	for key, want := range map[string]string{
		"DynamicUser": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateDevices": "yes", "PrivateTmp": "yes",
		"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "MemoryDenyWriteExecute": "yes",
		"RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
		"ProtectClock": "yes", "ProtectControlGroups": "yes", "ProtectHostname": "yes", "ProtectKernelLogs": "yes",
		"ProtectKernelModules": "yes", "ProtectKernelTunables": "yes", "ProtectProc": "invisible", "PrivateUsers": "yes",
		"DevicePolicy": "closed", "KeyringMode": "private", "RemoveIPC": "yes", "StateDirectoryMode": "0700", "UMask": "0077",
		"SystemCallArchitectures": "native", "SystemCallErrorNumber": "EPERM", "SystemCallFilter": "@system-service ~@privileged",
	} {
		if got, ok := service["Service."+key]; !ok || got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	families := strings.Fields(service["Service.RestrictAddressFamilies"])
	if slices.Sort(families); !slices.Equal(families, []string{"AF_INET", "AF_INET6", "AF_UNIX"}) { // AF_UNIX is for PostgreSQL's socket, and systemd's
		t.Errorf("RestrictAddressFamilies=%v", families)
	}
}
