//! Builds the program anew when the data product that it embeds changes.

fn main() {
    println!("cargo:rerun-if-changed=../../lakehouse");
}
