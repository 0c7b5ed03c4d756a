#!/bin/sh
# Builds the libraries that the project and its tests link against musl, as Debian has none: from Debian's
# sources, which it fetches, as archives in PREFIX. Needs musl-tools, cmake, make, and deb-src in apt's
# sources.
#     scripts/musl_libraries.sh PREFIX
set -eu
mkdir -p "$1/work"
prefix=$(realpath "$1")
cd "$prefix/work"

by_configure() { # folder of the source
    cd "$1"
    CC=musl-gcc CFLAGS='-O2 -fPIC' ./configure --static --prefix="$prefix"
    make install
}
by_autotools() { # folder of the source, options
    cd "$1"
    shift
    CC=musl-gcc CFLAGS='-O2 -fPIC' ./configure --disable-shared --prefix="$prefix" "$@"
    make install
}
by_cmake() { # folder of the source, options
    folder=$1
    shift
    cmake -S "$folder" -B musl -DCMAKE_C_COMPILER=musl-gcc -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
        -DCMAKE_FIND_ROOT_PATH="$prefix" -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
        -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
        -DBUILD_SHARED_LIBS=OFF -DCMAKE_POLICY_VERSION_MINIMUM=3.5 "$@"
    cmake --build musl --target install
}
library() { # source package; the function that builds it, with its arguments
    package=$1
    shift
    [ ! -e "$package.done" ] || return 0
    rm -rf "$package" "$package"_*
    mkdir "$package"
    if ! {
        apt-get source -qq --download-only --tar-only "$package" &&
            tar -xf "$package"_*.orig.tar.* -C "$package" --strip-components=1 &&
            (cd "$package" && "$@")
    } >"$package.log" 2>&1; then
        echo "musl_libraries: $package: $(tail -n 20 "$package.log")" >&2
        exit 1
    fi
    touch "$package.done"
}
library zlib by_configure .
library jansson by_cmake . -DJANSSON_BUILD_DOCS=OFF -DJANSSON_EXAMPLES=OFF \
    -DJANSSON_WITHOUT_TESTS=ON
library pcre2 by_cmake . -DPCRE2_BUILD_PCRE2GREP=OFF -DPCRE2_BUILD_TESTS=OFF -DPCRE2_SUPPORT_JIT=ON
library utf8proc by_cmake .
library libzip by_cmake . -DENABLE_COMMONCRYPTO=OFF -DENABLE_GNUTLS=OFF -DENABLE_MBEDTLS=OFF \
    -DENABLE_OPENSSL=OFF -DENABLE_BZIP2=OFF -DENABLE_LZMA=OFF -DENABLE_ZSTD=OFF -DBUILD_TOOLS=OFF \
    -DBUILD_REGRESS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOC=OFF
library xxhash by_cmake cmake_unofficial -DXXHASH_BUILD_XXHSUM=OFF
library libmicrohttpd by_autotools . --disable-https --disable-doc --disable-examples --disable-tools \
    --disable-curl
library cmocka by_cmake . -DWITH_EXAMPLES=OFF -DUNIT_TESTING=OFF
