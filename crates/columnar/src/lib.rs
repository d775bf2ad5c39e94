//! Codecs of Automerge's compressed columns, run by run.
