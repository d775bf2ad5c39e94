//! Durable chunks, sync states and the search index.
