# Turns the lines of a file into strings of C: "line\n",
s/[\"]/\\&/g
s/.*/"&\\n",/
