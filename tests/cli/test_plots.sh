#!/bin/sh
# The scripts of gnuplot in share/plots: what their functions make of names, where the program finds
# them, and that a figure can be drawn again from the table that it was drawn from.
. "$(dirname "$0")/common.sh"
plots=$root/share/plots
unset DECIMAMBA_PLOTS

make_model
head -c 3000 "$root/data/books/26239.txt" | tr -cd '\12\40-\176' > text

# ---- Where there is no script ----
for plots_at in "$work/nowhere" "$work/it's"; do
    DECIMAMBA_PLOTS=$plots_at "$program" analyze distance model --text text --lengths 50,100 \
        --output unplotted > out 2> err
    check_streams $? 0
    prints "no distance.png and distance.svg: $plots_at/distance.gp: No such file or directory"
    [ -s unplotted/distance.tsv ] || failed 'no table without a script'
    absent unplotted/distance.png unplotted/distance.svg
done
command -v gnuplot > /dev/null || finish

# ---- Names ----
says() { # expression, what it is
    gnuplot -e "table = 'x.tsv'; load '$plots/common.gp'; print $1" > out 2>&1
    printed_exactly "$2"
}
says "wrap('none', 9)" none
says "wrap('a:bc,def', 5)" "$(printf 'a:bc,\ndef')"
says "wrap('abcdefgh', 5)" "$(printf 'abcde\nfgh')"
says "wrap('', 5)" ''
says "shorten('äöü', 2)" 'äö...'
says "shorten('äöü', 3)" 'äöü'
says "shorten('a:bc,def', 6)" 'a:bc,...'
says "label(\"0-20% of 'all'\")" "0-20%% of 'all'"
for case in 131072:128K 1536:1.5K 512:512 10000:10K 2000000:2000K 0.25:0.25 80-100%:80-100% 8k+:8k+; do
    says "brief('${case%:*}')" "${case#*:}"
done
# two columns would be "1K"
printf 'method\tname\tcolumn\tx\trow\ty\tn\tsum\tfigure\tlow\thigh\n' > ticks.tsv
for column in 131072 1000 1536 1024; do
    printf '1\tnone\t%s\t%s\tall\t1\t1\t1\t100\t50\t100\n' $column $column >> ticks.tsv
done
gnuplot -e "table='ticks.tsv'" "$plots/evaluate-lines.gp" > out 2>&1 || failed "ticks: $(cat out)"
for tick in 128K 1000 1.5K 1024; do
    grep -qF ">$tick<" ticks.svg || failed "no tick $tick"
done
grep -q '>1K<' ticks.svg && failed 'two ticks are alike'

# ---- Where they are found ----
# in a folder that the user names; of a program that was moved with what belongs to it
mkdir -p own moved/bin moved/share/decimamba
cp "$plots"/*.gp own
sed -i "s/^height = 720/height = 333/" own/distance.gp
cp -R "$plots" moved/share/decimamba/plots
cp "$program" moved/bin/ # its library is where it was
height() {
    od -An -tu1 -j 20 -N 4 "$1" | awk '{ print $3 * 256 + $4 }'
}
run 0 analyze distance model --text text --lengths 50,100 --trained 50 --output usual
[ "$(height usual/distance.png)" -eq 720 ] || failed 'another script'
DECIMAMBA_PLOTS=own "$program" analyze distance model --text text --lengths 50,100 --trained 50 \
    --output mine > out 2> err
check_streams $? 0
[ "$(height mine/distance.png)" -eq 333 ] || failed 'DECIMAMBA_PLOTS is not looked at'
sed -i "s/^height = 720/height = 444/" moved/share/decimamba/plots/distance.gp
libraries=$(dirname "$program")/../src
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} moved/bin/decimamba analyze distance \
    model --text text --lengths 50,100 --output moved/out > out 2> err
check_streams $? 0
[ "$(height moved/out/distance.png)" -eq 444 ] || failed 'beside the program it is not found'

# ---- Drawn again ----
again() { # folder, name, script, settings
    cp "$1/$2.png" drawn.png
    rm "$1/$2.png"
    gnuplot -e "table='$1/$2.tsv'; $4" "$plots/$3.gp" > out 2>&1 || failed "$1/$2: $(cat out)"
    same "$1/$2.png" drawn.png
}
again usual distance distance "model='model'; text='text'; trained=50; \
reading='plain Mamba; mean over the channels, at the last 16 tokens'"
run 0 evaluate passkey model --text "$root/include/decimamba.h" --lengths 200,400 --depths 2 --keys 1 \
    --methods 'none keep-last:base-length=50' --output grid
again grid passkey evaluate-grid "model='model'; task='passkey'; column_name='tokens'; row_name='depth'"
# no more than the table is needed, of any script
mv grid/passkey.png drawn.png
for script in evaluate-grid evaluate-lines evaluate-bars; do
    gnuplot -e "table='grid/passkey.tsv'; output='$script'" "$plots/$script.gp" > out 2>&1 ||
        failed "$script: $(cat out)"
    is_figure "$script"
done

# ---- Names of folders that mean something to gnuplot ----
folder=$(printf '$x "q" `touch drawn` \047s\n@9%%s\\')
run 0 analyze distance model --text text --lengths 50,100 --output "$folder"
[ -s "$folder/distance.svg" ] || failed 'no picture in a folder with a strange name'
absent drawn
finish
