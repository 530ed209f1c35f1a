//! Remote procedure calls, by gRPC: their status, and the methods that they are told apart by.

mod methods;
mod status;

pub(crate) use methods::{RpcMethod, RpcMethods, rpc_attributes};
pub(crate) use status::GrpcStatus;

/// The value of `rpc.system.name`.
pub(crate) const GRPC: &str = "grpc";
