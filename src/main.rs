//! The program. Everything is in the library.

fn main() -> std::process::ExitCode {
    icp_filing_operator::process::main()
}
