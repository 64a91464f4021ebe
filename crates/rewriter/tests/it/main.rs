//! Tests of the rewriter over whole builds: written ones, and (ring 3) the same under a real Node.

// The tests bring the files and run Node; the crate itself does neither.
#![allow(clippy::disallowed_methods)]

mod bundle;
mod corpus;
mod corpus_node;
mod corpus_properties;
mod edges;
mod failing;
mod fuzz;
mod grammar;
mod invariants;
mod judge;
mod linking;
mod node;
mod order;
mod plan;
mod proof;
mod resolution;
mod sdk_wrapper;
mod setups;
mod written;
