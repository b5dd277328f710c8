// Package admin is the supervisor's own HTTP API: which instances there are, how
// they are, and what is to become of them.
//
// [Bind] opens its port, before anything else is started; [New] makes the
// handler; [Server.Serve] brings the two together. One table of operations makes
// the routes and the OpenAPI document that is served, so neither can have what
// the other lacks. Package wire has the JSON shapes and package client the calls.
//
// Package console has the files of the page that is served at /. What is below
// /console/ is that page's own: the figures of all instances as they change, and the
// API of each instance, passed on to it for whoever is let in here.
//
// # Who is let in
//
// Health, readiness and the files of the console are open. Everything else takes a bearer token or a
// verified client certificate wherever either is configured; without both, the
// port must be on loopback. Each has a role: who may read is shown all that is no
// secret, who may operate can do everything. Requests that a web page could make
// in somebody's name are refused: foreign Host headers on loopback (DNS
// rebinding), and what other sites have a browser send.
//
// # Bounds
//
// Bodies, requests under way, waits, streams and wrong tokens are all bounded.
// Requests that wait for an instance last until it is there or the caller
// leaves; what was asked for goes on either way.
package admin
