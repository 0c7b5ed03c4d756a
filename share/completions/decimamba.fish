# Completion for fish: the program itself says what may stand where the cursor is.
function __decimamba_words
    set -l words (commandline -opc)
    set -l begun (commandline -ct)
    for line in ($words[1] --help=words $words[2..-1] "$begun" 2> /dev/null)
        if test "$line" = :files
            __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$begun")
        else
            echo $line
        end
    end
end
complete -c decimamba -f -a '(__decimamba_words)'
