package httpapi

import "github.com/go-chi/chi/v5"

// Routes returns what the faces with everything that there is have in common.
func Routes() chi.Router { return routesOf(variant{metrics: true, webhooks: true}) }
