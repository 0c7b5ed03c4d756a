# Completion for bash: the program itself says what may stand where the cursor is.
_decimamba() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :files) compopt -o default ;; # what readline does where there are no words
        *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("${COMP_WORDS[0]}" --help=words "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
}
complete -F _decimamba decimamba
