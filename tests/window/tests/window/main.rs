//! The app in its real window. See the library of this package for how it is driven.

mod opening;
