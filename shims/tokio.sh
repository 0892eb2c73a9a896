#!/usr/bin/env bash
# Writes a crate `tokio` whose `sync::mpsc` is `joinq::compat::tokio_mpsc`, to be patched in for the real one:
#
#     shims/tokio.sh FOLDER [VERSION]
#
# joinq's feature `tokio` needs the real tokio, and a patch of crates.io replaces tokio for joinq too. So the folder
# gets three packages: `tokio-real`, which is tokio from crates.io under that name; `joinq`, whose sources are those of
# this repository and which depends on `tokio-real`; and `tokio`, which re-exports the first with `sync::mpsc` of the
# second. The version is that of this repository's Cargo.lock, unless another one is given.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:?"usage: shims/tokio.sh FOLDER [VERSION]"}
version=${2:-$(grep -A1 '^name = "tokio"$' "$root/Cargo.lock" | sed -n 's/^version = "\(.*\)"/\1/p')}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
rm -rf "${folder:?}"/{fetch,tokio,tokio-real,joinq}
mkdir -p "$folder"/{fetch/src,tokio/src,joinq}

# The source of tokio, from crates.io by way of cargo.
cat >"$folder/fetch/Cargo.toml" <<EOF
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[dependencies]
tokio = "=$version"
[workspace]
EOF
touch "$folder/fetch/src/lib.rs"
manifest=$(cargo metadata --format-version 1 --manifest-path "$folder/fetch/Cargo.toml" |
    grep -o "\"manifest_path\":\"[^\"]*/tokio-$version/Cargo.toml\"" | cut -d '"' -f 4)
cp -r "$(dirname "$manifest")" "$folder/tokio-real"
rm -rf "$folder/fetch" "$folder/tokio-real/tests" "$folder/tokio-real/Cargo.lock"
# The first `name` is that of the package; the library remains `tokio`.
sed -i '0,/^name = "tokio"$/s//name = "tokio-real"/' "$folder/tokio-real/Cargo.toml"

# joinq with the other tokio, and without what only its repository needs.
sed -e 's|^tokio = { version = "[^"]*"|tokio = { package = "tokio-real", path = "../tokio-real"|' \
    -e '/^\[workspace\]/,/^$/d' -e '/^\[dev-dependencies\]/,$d' -e '/^include = \[/,/^\]/d' \
    -e "s|^\[features\]|[lib]\npath = \"$root/src/lib.rs\"\n\n&|" \
    "$root/Cargo.toml" >"$folder/joinq/Cargo.toml"
printf '[lints.rust]\nunexpected_cfgs = "allow"\n' >>"$folder/joinq/Cargo.toml"

{
    cat <<EOF
[package]
name = "tokio"
version = "$version"
edition = "2021"
publish = false

[dependencies]
joinq = { path = "../joinq", features = ["tokio"] }
real = { package = "tokio-real", path = "../tokio-real" }

[workspace]

[features]
EOF
    # The features of tokio, each of which enables the real one, and the optional dependencies that are features too.
    sed -n '/^\[features\]/,/^\[[^f]/s/^\([a-z-]*\) = \[.*/\1/p' "$folder/tokio-real/Cargo.toml" |
        sed 's|.*|& = ["real/&"]|'
    printf '%s = ["real/%s"]\n' parking_lot parking_lot bytes bytes tracing tracing
} >"$folder/tokio/Cargo.toml"
cat >"$folder/tokio/src/lib.rs" <<'EOF'
//! tokio with the channels of `joinq::compat::tokio_mpsc`.

pub use real::*;

/// As in tokio, with another `mpsc`.
pub mod sync {
    pub use joinq::compat::tokio_mpsc as mpsc;
    pub use real::sync::*;
}
EOF
echo "tokio $version with joinq's channels is in $folder; the lines for Cargo.toml are:"
echo
echo "[patch.crates-io]"
echo "tokio = { path = \"$folder/tokio\" }"
