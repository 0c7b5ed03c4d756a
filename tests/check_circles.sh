#!/bin/sh
# Fails on a circle of files. One sees another where it includes its header (a file is a .c with the .h
# of its name), and where it calls a function or reads an object that is defined there, as the symbols
# of what was compiled say. Tests are left out. Which folders see each other is check_layering.sh's.
# Fails, too, on a name that two of the files define: of archives the linker takes either, in silence.
# Usage: check_circles.sh ROOT [ARCHIVE_OR_FOLDER_OF_OBJECTS...]; without ROOT, a check of this script on made-up
# trees.
set -u

# Of lines "FILE OTHER", those that lie on a circle.
print_circles() {
    LC_ALL=C sort -u | awk -v how="$1" '
    $1 == "twice" {
        split($2, part, ":")
        print "defined twice: " part[1] ", in " part[2] " and " part[3]
        failed = 1
        next
    }
    { sees[$1] = sees[$1] " " $2 }
    function reaches(from, to,   list, n, i) {
        if (from == to)
            return 1
        been[from] = 1
        n = split(sees[from], list, " ")
        for (i = 1; i <= n; i++)
            if (!(list[i] in been) && reaches(list[i], to))
                return 1
        return 0
    }
    END {
        for (file in sees) {
            n = split(sees[file], list, " ")
            for (i = 1; i <= n; i++) {
                split("", been)
                if (reaches(list[i], file)) {
                    print "in a circle: " file " " how " " list[i]
                    failed = 1
                }
            }
        }
        exit failed
    }'
}

check_includes() {
    (cd "$1" && find src programs evaluation analysis -name '*.[ch]' ! -name 'test_*' | xargs awk '
    function exists(path,   line, found) {
        found = (getline line < path) >= 0
        close(path)
        return found
    }
    # The file that an include of this one means, from its own folder or from one of the roots.
    function find(target,   own, root, roots, i, n) {
        own = FILENAME
        sub(/[^\/]*$/, "", own)
        if (exists(own target))
            return own target
        root = FILENAME
        sub(/\/.*/, "", root)
        n = split(root == "programs" ? "programs evaluation analysis src" : root " src", roots, " ")
        for (i = 1; i <= n; i++)
            if (exists(roots[i] "/" target))
                return roots[i] "/" target
        return ""
    }
    !/^[ \t]*#[ \t]*include[ \t]*"/ { next }
    {
        split($0, part, "\"")
        other = find(part[2])
        own = FILENAME
        sub(/\.[ch]$/, "", own)
        sub(/\.[ch]$/, "", other)
        if (other != "" && other != own)
            print own, other
    }') | print_circles includes
}

# Lines of nm -A are "ARCHIVE:OBJECT:ADDRESS KIND NAME"; objects are called after their sources.
check_calls() {
    symbols=$(find "$@" -name '*.[ao]' -exec nm -A {} +) || return 1
    printf '%s\n' "$symbols" | awk '
    {
        file = $0
        sub(/:[^:]*$/, "", file)
        n = split(substr($0, length(file) + 2), part, " ")
        sub(/.*[\/:]/, "", file)
    }
    n == 2 && part[1] == "U" { used[++n_used] = file " " part[2] }
    n == 3 && part[2] ~ /[A-Z]/ {
        if (part[2] ~ /[TDBR]/ && part[3] in defined && defined[part[3]] != file)
            print "twice", part[3] ":" defined[part[3]] ":" file
        defined[part[3]] = file
    }
    END {
        for (i = 1; i <= n_used; i++) {
            split(used[i], part, " ")
            if (part[2] in defined && defined[part[2]] != part[1])
                print part[1], defined[part[2]]
        }
    }' | print_circles uses
}

check() {
    root=$1
    shift
    check_includes "$root"
    found=$?
    [ $# -eq 0 ] || check_calls "$@" || found=1
    return $found
}

# A made-up tree; $1: expected status; then pairs of a file and what it includes.
expect() {
    tree=$(mktemp -d) || exit 2
    wanted=$1 said=$*
    shift
    mkdir -p "$tree/src/base" "$tree/src/text" "$tree/programs/cli" "$tree/evaluation" "$tree/analysis"
    for file in src/base/m src/text/a src/text/b src/text/c programs/p programs/cli/o \
        programs/cli/h evaluation/e analysis/n; do
        : >"$tree/$file.c"
        : >"$tree/$file.h"
    done
    while [ $# -gt 0 ]; do
        printf '#include "%s"\n' "$2" >>"$tree/$1"
        shift 2
    done
    (check "$tree") >"$tree/report" 2>&1
    status=$?
    [ "$status" -ne 0 ] && status=1
    if [ "$status" -ne "$wanted" ] || { [ "$status" -ne 0 ] && ! grep -q '^in a circle' "$tree/report"; }; then
        echo "check_circles.sh: expect $said: status $status"
        cat "$tree/report"
        n_wrong=$((n_wrong + 1))
    fi
    rm -r "$tree"
}

# Made-up objects; $1: expected status; then words of FILE:DEFINED or FILE:-USED.
expect_calls() {
    tree=$(mktemp -d) || exit 2
    wanted=$1 said=$*
    shift
    cat >"$tree/nm" <<'NM'
#!/bin/sh
cat "$2" # the words, in the place of an archive
NM
    chmod +x "$tree/nm"
    for word; do
        case $word in
        *:-*) echo "x y/lib.a:x y/lib.a.p/${word%%:*}.c.o:                 U ${word#*:-}" ;;
        *) echo "x y/${word%%:*}.c.o:00000000000000b8 T ${word#*:}" ;;
        esac
    done >"$tree/words.a"
    (PATH=$tree:$PATH && check_calls "$tree/words.a") >"$tree/report" 2>&1
    status=$?
    [ "$status" -ne 0 ] && status=1
    if [ "$status" -ne "$wanted" ]; then
        echo "check_circles.sh: expect_calls $said: status $status"
        cat "$tree/report"
        n_wrong=$((n_wrong + 1))
    fi
    rm -r "$tree"
}

check_itself() {
    n_wrong=0
    expect_calls 0 a:f b:-f b:g c:-g c:-f c:-malloc
    expect_calls 0 a:f a:-f
    expect_calls 1 a:f b:-f b:g a:-g
    expect_calls 1 a:f b:-f b:g c:-g c:h a:-h
    expect_calls 1 a:f b:f
    expect_calls 0 a:f a:f b:-f
    expect 0
    expect 0 src/text/a.c text/a.h
    expect 0 src/text/a.c text/b.h
    expect 0 src/text/a.c text/b.h src/text/b.c text/c.h src/text/a.h text/c.h
    expect 0 src/text/a.c text/b.h src/text/test_b.c text/a.h src/text/test_a.h text/a.h
    expect 0 programs/p.c cli/o.h programs/cli/o.c h.h programs/cli/h.c e.h
    expect 1 src/text/a.c text/b.h src/text/b.c text/a.h
    expect 1 src/text/a.h b.h src/text/b.c text/a.h
    expect 1 src/text/a.h text/b.h src/text/b.h text/a.h
    expect 1 src/text/a.c text/b.h src/text/b.h text/c.h src/text/c.c text/a.h
    expect 1 src/text/a.c text/b.h src/text/b.c text/c.h src/text/c.c text/b.h src/text/c.c base/m.h
    expect 1 src/base/m.c text/a.h src/text/a.c base/m.h
    expect 1 programs/cli/o.c h.h programs/cli/h.c o.h
    expect 1 programs/p.c cli/o.h programs/cli/o.c p.h
    expect 1 evaluation/e.c n.h analysis/n.c e.h evaluation/e.c e.h programs/p.c p.h \
        programs/p.c cli/o.h programs/cli/o.h p.h
    [ "$n_wrong" -eq 0 ]
}

if [ $# -eq 0 ]; then
    check_itself
else
    check "$@"
fi
