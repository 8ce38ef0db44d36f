// Package api is the protocol between a client and a host: the interface remote.Store spoken in HTTP. It holds both ends
// and no connection. What carries the requests (TLS, a pipe through ssh) is the business of package transport, who may do
// what and where the bytes lie that of package host. docs/protocol.md draws every exchange.
//
// A host:
//
//	h := api.NewHandler(api.HandlerOptions{Backend: host, PeerOf: ..., Log: log})
//	(&http.Server{Handler: h, MaxHeaderBytes: api.MaxHeader, ReadHeaderTimeout: api.HeaderTime}).Serve(listener)
//
// A client:
//
//	site := api.NewSite(api.ClientOptions{HTTP: &http.Client{Transport: ...}, Base: "http://evault", Name: "friend"})
//	info, err := site.Store(vault).Info(ctx)
//
// Neither end trusts the other. A request names vaults, packs, logs and files by hashes and numbers in one spelling,
// never by a path; the route table in routes.go says for each which permission it needs, and that is checked before
// anything else. The client takes every length, order and limit of an answer to be a lie until it has checked it. A
// transfer that crawls is ended by both: see Limits.
//
// Where to read first: routes.go (what can be asked), codec.go (lists in bytes), problem.go (errors), then handler.go
// and store.go, which is the client.
package api
