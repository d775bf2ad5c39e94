//! Code that writes a value over what a document holds.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Result};

use crate::fields::{Shape, bounded, unsupported};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let bound = syn::parse_quote!(::rejoin_document::typed::Reconcile);
    let generics = bounded(&input.generics, &bound);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let name = &input.ident;
    let methods = match &input.data {
        Data::Struct(data) => of_struct(&Shape::of(&data.fields)?),
        Data::Enum(data) => of_enum(data)?,
        Data::Union(_) => return unsupported(name, "a union cannot be written to a document"),
    };
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::rejoin_document::typed::Reconcile for #name #type_generics
        #where_clause
        {
            #methods
        }
    })
}

fn of_struct(shape: &Shape) -> TokenStream {
    let bindings = shape.fields().iter().map(|field| {
        let (member, binding) = (&field.member, &field.binding);
        quote!(let #binding = &self.#member;)
    });
    let write = write(shape);
    let key = key(shape);
    quote! {
        fn reconcile(
            &self,
            place: ::rejoin_document::typed::Place<'_, '_>,
        ) -> ::core::result::Result<(), ::rejoin_document::typed::ReconcileError> {
            #(#bindings)*
            #write
        }

        #key
    }
}

/// Fills `place` from the fields' bindings.
fn write(shape: &Shape) -> TokenStream {
    match shape {
        Shape::Named(fields) => {
            let writes = fields.iter().map(|field| {
                let (name, binding) = (&field.name, &field.binding);
                quote!(map.write(#name, #binding)?;)
            });
            quote! {
                #[allow(unused_mut)]
                let mut map = place.map()?;
                #(#writes)*
                ::core::result::Result::Ok(())
            }
        }
        Shape::Tuple(fields) => {
            let length = fields.len();
            let writes = fields.iter().enumerate().map(|(index, field)| {
                let binding = &field.binding;
                quote!(list.write(#index, #binding)?;)
            });
            quote! {
                let mut list = place.list()?;
                #(#writes)*
                list.truncate(#length)
            }
        }
        Shape::Inner(field) => {
            let binding = &field.binding;
            quote!(::rejoin_document::typed::Reconcile::reconcile(#binding, place))
        }
        Shape::Unit => quote!(place.scalar(::rejoin_document::ScalarValue::Null)),
    }
}

/// The key of a struct: that of the field which is the key, or of the only field.
fn key(shape: &Shape) -> TokenStream {
    let trait_ = quote!(::rejoin_document::typed::Reconcile);
    let (member, key_of) = match shape {
        Shape::Inner(field) => {
            let ty = &field.ty;
            (&field.member, quote!(<#ty as #trait_>::key_of(view, value)))
        }
        Shape::Named(fields) => {
            let Some(field) = fields.iter().find(|field| field.is_key) else {
                return TokenStream::new();
            };
            let (ty, name) = (&field.ty, &field.name);
            let read = quote!(::rejoin_document::typed::key_in_field::<#ty>(view, value, #name));
            (&field.member, read)
        }
        Shape::Tuple(fields) => {
            let Some(index) = fields.iter().position(|field| field.is_key) else {
                return TokenStream::new();
            };
            let ty = &fields[index].ty;
            let read = quote!(::rejoin_document::typed::key_at_index::<#ty>(view, value, #index));
            (&fields[index].member, read)
        }
        Shape::Unit => return TokenStream::new(),
    };
    quote! {
        fn key(&self) -> ::core::option::Option<::rejoin_document::ScalarValue> {
            #trait_::key(&self.#member)
        }

        fn key_of(
            view: &::rejoin_document::View<'_>,
            value: &::rejoin_document::Value,
        ) -> ::core::option::Option<::rejoin_document::ScalarValue> {
            #key_of
        }
    }
}

fn of_enum(data: &DataEnum) -> Result<TokenStream> {
    let mut arms = Vec::new();
    for variant in &data.variants {
        let shape = Shape::of(&variant.fields)?;
        let ident = &variant.ident;
        let name = ident.to_string();
        let bindings = shape.fields().iter().map(|field| {
            let (member, binding) = (&field.member, &field.binding);
            quote!(#member: #binding)
        });
        let write = match &shape {
            Shape::Unit => quote!(place.scalar(#name)),
            shape => {
                let write = write(shape);
                quote! {
                    let mut variant = place.variant(#name)?;
                    let place = variant.place(#name)?;
                    #write
                }
            }
        };
        arms.push(quote!(Self::#ident { #(#bindings),* } => { #write }));
    }
    let body =
        if arms.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) };
    Ok(quote! {
        fn reconcile(
            &self,
            place: ::rejoin_document::typed::Place<'_, '_>,
        ) -> ::core::result::Result<(), ::rejoin_document::typed::ReconcileError> {
            #body
        }
    })
}
