/// The status of a gRPC call that is an error of the server's, as OpenTelemetry's conventions have it.
/// Every other status is the caller's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcError {
    Unknown = 2,
    DeadlineExceeded = 4,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
}

impl GrpcError {
    /// Reads the value of `grpc-status`. What is no status is `UNKNOWN` to every client.
    pub(crate) fn from_status(value: &[u8]) -> Option<Self> {
        match value {
            b"0" | b"1" | b"3" | b"5" | b"6" | b"7" | b"8" | b"9" | b"10" | b"11" | b"16" => None,
            b"4" => Some(Self::DeadlineExceeded),
            b"12" => Some(Self::Unimplemented),
            b"13" => Some(Self::Internal),
            b"14" => Some(Self::Unavailable),
            b"15" => Some(Self::DataLoss),
            _ => Some(Self::Unknown),
        }
    }

    /// The name, which is the `error.type`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_2_4_and_12_to_15_are_errors_of_the_server() {
        for code in 0..=16_u8 {
            let error = GrpcError::from_status(code.to_string().as_bytes());
            let expected = matches!(code, 2 | 4 | 12..=15).then_some(code);
            assert_eq!(error.map(|error| error as u8), expected);
        }
    }

    #[test]
    fn what_is_no_status_is_unknown() {
        for value in [
            "",
            "17",
            "-1",
            "013",
            "1000000000000",
            "OK",
            "13, 0",
            "\u{b9}",
        ] {
            let error = GrpcError::from_status(value.as_bytes());
            assert_eq!(error, Some(GrpcError::Unknown), "{value}");
        }
    }
}
