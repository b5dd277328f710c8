package supervisor

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestADataDirThatCannotBeMadeIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	taken := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.DataDir = filepath.Join(taken, "data")
	s, err := Open(context.Background(), Options{
		Config: cfg, Load: func() (config.Config, error) { return cfg, nil },
		Metrics: obs.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Version: "test",
	})
	if err == nil || s != nil || !strings.Contains(err.Error(), taken) {
		t.Errorf("Open() = %v, %v; want an error that names %s", s, err, taken)
	}
}
