//! The registry's HTTP client: endpoints, challenges and tokens, limits, retries, errors. The only room that knows HTTP.
