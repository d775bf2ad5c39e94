//! The notes domain: how notes, folders and profiles lie in documents.
