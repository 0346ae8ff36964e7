# bash completion for imgen; works with and without the bash-completion package.
_imgen() {
    local program line=${COMP_LINE:0:COMP_POINT} reply
    COMPREPLY=()
    program=$(type -P -- "$1" || type -P imgen) || return

    # bash replaces only what stands behind the last of its word breaks, such as the colon in 16:9.
    local breaks=${COMP_WORDBREAKS//[^:=]/} word=${line##*[[:space:]]} kept=
    [[ -n $breaks && $word != [\"\']* ]] && kept=${word%"${word##*[$breaks]}"}

    compopt -o nosort 2>/dev/null
    while IFS= read -r reply; do
        if [[ $reply == :files ]]; then
            compopt -o default 2>/dev/null
        else
            COMPREPLY+=("${reply#"$kept"}")
        fi
    done < <("$program" _complete bash "$line" 2>/dev/null </dev/null)
}
complete -F _imgen imgen
