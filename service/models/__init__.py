"""Which models answer: backends, bundles, the registry, reloading."""
