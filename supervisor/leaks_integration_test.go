//go:build integration

package supervisor

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// held counts what the test's instances hold on the servers.
func (p *place) held() map[string]int {
	p.t.Helper()
	ctx := p.t.Context()
	count := func(sql string, args ...any) (n int) {
		if err := p.sql.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
			p.t.Error(err)
		}
		return n
	}
	of := `custodian\_` + p.id + `\_%`
	held := map[string]int{
		"schemas":  count(`SELECT count(*) FROM pg_namespace WHERE nspname LIKE $1`, of),
		"tables":   count(`SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname LIKE $1`, of),
		"backends": count(`SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE $1`, `custodian custodian-`+p.id+`-%`),
	}
	keys, err := p.raw.Keys(ctx, "*"+p.id+"*").Result()
	if err != nil {
		p.t.Error(err)
	}
	held["keys of Redis"] = len(keys)
	return held
}

func TestRealInstancesLeaveNothingBehind(t *testing.T) {
	p := newPlace(t)
	options, err := goredis.ParseURL(testURL(t, "TEST_REDIS_ADMIN_URL"))
	if err != nil {
		t.Fatal(err)
	}
	_ = p.raw.Close()
	p.raw = goredis.NewClient(options) // which may list keys
	v := newVisits(t, p.config)
	v.name = func(n int) string { return p.name(fmt.Sprint(n)) }
	v.extra = func() map[string]int {
		held := p.held()
		for _, line := range v.scrape(`custodian_postgres_connections{state="in_use"}`) {
			_, count, _ := strings.Cut(line, "} ")
			held["places of the budget"], _ = strconv.Atoi(count)
		}
		return held
	}
	v.wantNothingLeft(40)
}
