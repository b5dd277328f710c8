module github.com/quantfidential/trading-ecosystem/custodian-simulator-go/openapilint

go 1.26.0

require (
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2
	github.com/speakeasy-api/openapi v1.24.0
)

require (
	github.com/kr/text v0.2.0 // indirect
	golang.org/x/sync v0.21.0 // indirect
	golang.org/x/text v0.38.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
