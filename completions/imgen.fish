# fish completion for imgen.
function __imgen_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct | string replace -r '^["\']' '')
    set -l program $words[1]
    set -e words[1]
    command -q -- $program; or set program imgen
    command -q -- $program; or return

    set -l answer (command $program _complete fish $words "=$word" 2>/dev/null </dev/null)
    if test "$answer[1]" = :files
        set -l parts (string match -r '^((?:--[^=]+=|-[a-z])?)(.*)$' -- $word)
        string join \n -- "$parts[2]"(__fish_complete_path "$parts[3]")
    else
        string join \n -- $answer
    end
end
complete -c imgen -f -k -a '(__imgen_complete)'
