package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	config := func(admin string) string {
		file := filepath.Join(t.TempDir(), "custodian.yaml")
		text := fmt.Sprintf("admin: {listen: %q}\ndata_dir: %q\nstorage: {driver: memory}\n", admin, t.TempDir())
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	got := command(t, "", nil, "doctor", "--config", config(fmt.Sprintf("127.0.0.1:%d", freeAdminPort(t))))
	if got.code != 0 || !strings.Contains(got.out, "ok       ports: all 1 are free\n") || strings.Contains(got.out, "→") {
		t.Errorf("%+v", got)
	}
	got = command(t, "", nil, "doctor", "--config", config(taken.Addr().String()))
	if got.code != codeFailed || !strings.Contains(got.out, "error    port "+taken.Addr().String()+" (admin): is in use") || !strings.Contains(got.out, "→ end what has it") {
		t.Errorf("%+v", got)
	}
	got = command(t, "", nil, "doctor", "--config", config(taken.Addr().String()), "-o", "json")
	var answer struct {
		Findings []struct{ Subject, Severity, Detail, Advice string }
	}
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil || got.code != codeFailed || len(answer.Findings) != 3 || answer.Findings[0].Severity != "error" {
		t.Errorf("%+v, %v", got, err)
	}
}
