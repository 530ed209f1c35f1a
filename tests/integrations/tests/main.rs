//! Each integration against the library that it is for.
