// Package servers starts private PostgreSQL, Redis and Prometheus servers for
// tests and benchmarks: fresh, on loopback, gone afterwards.
//
// [StartPostgres] and [StartRedis] find the programs that are installed,
// initialise a server in a directory of its own below the system's temporary
// directory, start it on a free port and create what the custodian needs: in
// PostgreSQL the user custodian_adapter and its database trading_ecosystem, in
// Redis the restricted user custodian-adapter. [StartPrometheus] starts a
// Prometheus on a configuration that its caller gives. None of them needs root,
// a service manager or a network; a caller that is root has them run as an
// unprivileged user, because PostgreSQL refuses anything else.
//
// A test that needs to hurt its server starts its own:
//
//	pg, err := servers.StartPostgres(ctx, servers.Options{})
//	if err != nil {
//		t.Fatal(err)
//	}
//	t.Cleanup(func() { _ = pg.Close() })
//	…
//	_ = pg.Stop()           // as if it crashed; its data stays
//	err = pg.Restart(ctx)   // same data, same port
//
// All other tests share one pair, handed to them through the environment by
// the command in the run directory.
//
// On Linux a server dies with the process that started it, however that one
// ends. Ports lie below the system's range for outgoing connections, so that
// no client can come to sit on the port of a server that is down.
package servers
