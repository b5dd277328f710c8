package main

import (
	"fmt"

	rpc "google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

// problems shows each code with what programs make of it.
func problems() (string, error) {
	out := newTable("code", "HTTP", "gRPC", "answered by", "the same again may succeed")
	for _, k := range problem.Kinds() {
		by := "custodian, admin"
		switch {
		case !k.Admin:
			by = "custodian"
		case !k.Custodian:
			by = "admin"
		}
		status := ""
		if code, known := grpcapi.StatusCode(k.Code); known && k.Custodian {
			status = nameOf(code)
		}
		out.add(code(string(k.Code)), fmt.Sprint(k.Status), status, by, string(k.Retry))
	}
	return out.String(), nil
}

// meanings shows each code with what people make of it.
func meanings() (string, error) {
	out := newTable("code", "what it means", "what to do")
	for _, k := range problem.Kinds() {
		if k.Meaning == "" || k.Next == "" {
			return "", fmt.Errorf("%s says too little", k.Code)
		}
		out.add(code(string(k.Code)), k.Meaning, k.Next)
	}
	return out.String(), nil
}

// bareStatuses shows what gRPC answers without a code of ours.
func bareStatuses() (string, error) {
	out := newTable("gRPC", "what it means", "what to do")
	for _, s := range grpcapi.BareStatuses() {
		out.add(nameOf(s.Code), s.Meaning, s.Next)
	}
	return out.String(), nil
}

// nameOf returns a code's name as protocols write it.
func nameOf(c codes.Code) string { return rpc.Code(c).String() }
