//! Code that reads a value from a document.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Result};

use crate::fields::{Shape, bounded, unsupported};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let bound = syn::parse_quote!(::rejoin_document::typed::Hydrate);
    let generics = bounded(&input.generics, &bound);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let name = &input.ident;
    let methods = match &input.data {
        Data::Struct(data) => of_struct(&Shape::of(&data.fields)?),
        Data::Enum(data) => of_enum(data)?,
        Data::Union(_) => return unsupported(name, "a union cannot be read from a document"),
    };
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::rejoin_document::typed::Hydrate for #name #type_generics
        #where_clause
        {
            #methods
        }
    })
}

fn of_struct(shape: &Shape) -> TokenStream {
    let read = read(shape, &quote!(Self));
    let missing = match shape {
        Shape::Inner(field) => {
            let (ty, member) = (&field.ty, &field.member);
            quote! {
                fn missing() -> ::core::option::Option<Self> {
                    let inner = <#ty as ::rejoin_document::typed::Hydrate>::missing()?;
                    ::core::option::Option::Some(Self { #member: inner })
                }
            }
        }
        _ => TokenStream::new(),
    };
    quote! {
        fn hydrate(
            view: &::rejoin_document::View<'_>,
            held: &::rejoin_document::typed::Held,
        ) -> ::core::result::Result<Self, ::rejoin_document::typed::HydrateError> {
            #read
        }

        #missing
    }
}

/// Makes what `path` names from `held`.
fn read(shape: &Shape, path: &TokenStream) -> TokenStream {
    let typed = quote!(::rejoin_document::typed);
    match shape {
        Shape::Named(fields) => {
            let reads = fields.iter().map(|field| {
                let (member, name, ty) = (&field.member, &field.name, &field.ty);
                let key = if field.has_default {
                    quote!(hydrate_key_or_default)
                } else {
                    quote!(hydrate_key)
                };
                quote!(#member: #typed::#key::<#ty>(view, object, #name)?)
            });
            quote! {
                #[allow(unused_variables)]
                let object = #typed::expect_object(
                    &held.value, ::rejoin_document::ObjType::Map, "a map",
                )?;
                ::core::result::Result::Ok(#path { #(#reads),* })
            }
        }
        Shape::Tuple(fields) => {
            let reads = fields.iter().enumerate().map(|(index, field)| {
                let (member, ty) = (&field.member, &field.ty);
                quote!(#member: #typed::hydrate_index::<#ty>(view, object, #index)?)
            });
            quote! {
                #[allow(unused_variables)]
                let object = #typed::expect_object(
                    &held.value, ::rejoin_document::ObjType::List, "a list",
                )?;
                ::core::result::Result::Ok(#path { #(#reads),* })
            }
        }
        Shape::Inner(field) => {
            let (member, ty) = (&field.member, &field.ty);
            quote!(<#ty as #typed::Hydrate>::hydrate(view, held).map(|inner| #path { #member: inner }))
        }
        Shape::Unit => {
            quote!(<() as #typed::Hydrate>::hydrate(view, held).map(|()| #path))
        }
    }
}

fn of_enum(data: &DataEnum) -> Result<TokenStream> {
    let typed = quote!(::rejoin_document::typed);
    let mut arms = Vec::new();
    for variant in &data.variants {
        let shape = Shape::of(&variant.fields)?;
        let ident = &variant.ident;
        let name = ident.to_string();
        arms.push(match &shape {
            Shape::Unit => quote! {
                (#name, ::core::option::Option::None) => ::core::result::Result::Ok(Self::#ident),
            },
            shape => {
                let read = read(shape, &quote!(Self::#ident));
                quote! {
                    (#name, ::core::option::Option::Some(held)) => {
                        let content = || -> ::core::result::Result<Self, #typed::HydrateError> {
                            #read
                        };
                        content().map_err(|error| error.inside(#name))
                    }
                }
            }
        });
    }
    Ok(quote! {
        fn hydrate(
            view: &::rejoin_document::View<'_>,
            held: &::rejoin_document::typed::Held,
        ) -> ::core::result::Result<Self, #typed::HydrateError> {
            let (name, content) = #typed::variant(view, held)?;
            match (name.as_str(), content.as_ref()) {
                #(#arms)*
                _ => ::core::result::Result::Err(#typed::HydrateError::unexpected(
                    "a known variant", &held.value,
                )),
            }
        }
    })
}
