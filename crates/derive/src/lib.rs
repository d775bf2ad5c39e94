//! Derive macros that write Rust values into documents and read them back.
//!
//! `#[derive(Reconcile, Hydrate)]` implements the traits of the same names in
//! `rejoin_document::typed`, which says how each kind of type lies in a document.
//!
//! - `#[key]` on one field makes it what tells an item of a list from the others, so that an item
//!   keeps its identity when it moves up or down.
//! - `#[document(rename = "name")]` on a field gives it another key.
//! - `#[document(default)]` on a field reads a missing key as the type's default.
//!
//! ```
//! use rejoin_derive::{Hydrate, Reconcile};
//! use rejoin_document::{ActorId, CommitOptions, Document, typed};
//!
//! #[derive(Debug, PartialEq, Reconcile, Hydrate)]
//! struct Contact {
//!     #[key]
//!     id: u64,
//!     name: String,
//!     #[document(default)]
//!     phones: Vec<String>,
//! }
//!
//! let contact = Contact { id: 1, name: "Ana".into(), phones: vec!["555".into()] };
//! let mut document = Document::new();
//! let mut tx = document.transaction(&ActorId::new(&[1]));
//! typed::reconcile(&mut tx, &contact)?;
//! tx.commit(CommitOptions::default());
//! assert_eq!(typed::hydrate::<Contact>(&document.view())?, contact);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fields;
mod hydrate;
mod reconcile;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `rejoin_document::typed::Reconcile`.
#[proc_macro_derive(Reconcile, attributes(key, document))]
pub fn derive_reconcile(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    reconcile::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Implements `rejoin_document::typed::Hydrate`.
#[proc_macro_derive(Hydrate, attributes(key, document))]
pub fn derive_hydrate(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    hydrate::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
