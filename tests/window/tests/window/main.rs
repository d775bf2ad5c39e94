//! The app in its real window. See the library of this package for how it is driven.

mod alone;
mod apart;
mod at_home;
mod batched;
mod composing;
mod connecting;
mod crowd;
mod development;
mod direct;
mod files;
mod following;
mod list;
mod looking_back;
mod opening;
mod patchwork;
mod second_device;
mod server_gone;
mod together;
mod tour;
mod trust;
mod views;
mod writing;
