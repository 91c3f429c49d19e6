//! The program.
fn main() {
    for c in icp_filing_operator::api::crds() {
        println!("---");
        print!("{}", serde_saphyr::to_string(&c).expect("yaml"));
    }
}
