//! RFC vectors, and that nothing is opened or sealed twice.
