//! What both macros read from a type: its fields with their attributes, and its bounds.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::{Attribute, Error, Fields, Generics, Ident, LitStr, Member, Path, Result, Type};

/// The fields of a struct or of an enum's variant, by how they lie in a document.
pub(crate) enum Shape {
    /// A map.
    Named(Vec<Field>),
    /// What the only field is.
    Inner(Box<Field>),
    /// A list.
    Tuple(Vec<Field>),
    /// Nothing.
    Unit,
}

/// One field.
pub(crate) struct Field {
    /// How it is named or numbered in Rust.
    pub(crate) member: Member,
    /// A variable to bind it to.
    pub(crate) binding: Ident,
    pub(crate) ty: Type,
    /// Its key in a map.
    pub(crate) name: String,
    pub(crate) is_key: bool,
    pub(crate) has_default: bool,
}

impl Shape {
    pub(crate) fn of(fields: &Fields) -> Result<Self> {
        let mut read = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let member = match &field.ident {
                Some(ident) => Member::Named(ident.clone()),
                None => Member::Unnamed(index.into()),
            };
            let name = match &field.ident {
                Some(ident) => ident.to_string().trim_start_matches("r#").to_owned(),
                None => index.to_string(),
            };
            let mut field = Field {
                binding: format_ident!("field_{index}"),
                ty: field.ty.clone(),
                member,
                name,
                is_key: false,
                has_default: false,
            }
            .with_attributes(&field.attrs)?;
            field.has_default &= matches!(fields, Fields::Named(_));
            read.push(field);
        }
        if let Some(second) = read.iter().filter(|field| field.is_key).nth(1) {
            return Err(Error::new_spanned(&second.ty, "only one field can be the key"));
        }
        Ok(match fields {
            Fields::Named(_) => Self::Named(read),
            Fields::Unnamed(_) if read.len() == 1 => Self::Inner(Box::new(read.remove(0))),
            Fields::Unnamed(_) => Self::Tuple(read),
            Fields::Unit => Self::Unit,
        })
    }

    /// The fields, whichever shape.
    pub(crate) fn fields(&self) -> &[Field] {
        match self {
            Self::Named(fields) | Self::Tuple(fields) => fields,
            Self::Inner(field) => std::slice::from_ref(&**field),
            Self::Unit => &[],
        }
    }
}

impl Field {
    fn with_attributes(mut self, attributes: &[Attribute]) -> Result<Self> {
        for attribute in attributes {
            if attribute.path().is_ident("key") {
                attribute.meta.require_path_only()?;
                self.is_key = true;
            } else if attribute.path().is_ident("document") {
                attribute.parse_nested_meta(|meta| {
                    if meta.path.is_ident("rename") {
                        self.name = meta.value()?.parse::<LitStr>()?.value();
                    } else if meta.path.is_ident("default") {
                        self.has_default = true;
                    } else {
                        return Err(meta.error("expected `rename` or `default`"));
                    }
                    Ok(())
                })?;
            }
        }
        Ok(self)
    }
}

/// The type's generics, with the trait as a bound of every type parameter.
pub(crate) fn bounded(generics: &Generics, bound: &Path) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(#bound));
    }
    generics
}

/// The error that a type cannot be derived for.
pub(crate) fn unsupported(tokens: &impl quote::ToTokens, why: &str) -> Result<TokenStream> {
    Err(Error::new_spanned(tokens, why))
}
