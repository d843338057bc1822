"""The only operations that answer somebody who shows no credentials, and why each does."""

PUBLIC = {
    ("get", "/healthz"): "asked by whoever restarts processes; says one word",
    ("get", "/readyz"): "asked by proxies; says one word",
    ("get", "/metrics"): "answers callers on the same machine only",
    ("post", "/v1/session"): "logging in",
    ("get", "/v1/widget/config"): "the shop's page knows nothing but the public key",
    ("post", "/v1/widget/visitors"): "a visitor begins without a name",
    ("get", "/v1/files/{signed}"): "the link itself is the permission",
}
