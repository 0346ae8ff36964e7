"""What a shell loads once to complete `imgen`: each asks the program at every TAB, so none grows old with it.

They print nothing, run nothing else, and evaluate no text of the answer.
"""

from __future__ import annotations

from enum import StrEnum


class Shell(StrEnum):
    """A shell that imgen completes in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


_BASH = r"""# bash completion for imgen; works with and without the bash-completion package.
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
"""

_ZSH = r"""#compdef imgen
# zsh completion for imgen.
_imgen() {
    local program=${(Q)words[1]} line
    local -a asked answer offers
    whence -p -- $program >/dev/null || program=imgen
    whence -p -- $program >/dev/null || return

    (( CURRENT > 2 )) && asked=("${(@Q)words[2,CURRENT-1]}")
    answer=("${(@f)$(command $program _complete zsh "${asked[@]}" "=${(Q)PREFIX}" 2>/dev/null </dev/null)}")

    if [[ $answer[1] == :files ]]; then
        compset -P '--[^=]##=' || compset -P '-[a-z]'
        _files
        return
    fi
    for line in $answer; do
        offers+=("${${line%%$'\t'*}//:/\\:}${${line#*$'\t'}:+:${line#*$'\t'}}")
    done
    _describe -V imgen offers
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _imgen "$@"
else
    compdef _imgen imgen
fi
"""

_FISH = r"""# fish completion for imgen.
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
"""

_POWERSHELL = r"""# PowerShell completion for imgen.
Register-ArgumentCompleter -Native -CommandName imgen -ScriptBlock {
    param($word, $ast, $cursor)

    $before = @($ast.CommandElements |
        Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursor } |
        ForEach-Object {
            if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
            else { $_.Extent.Text }
        })
    $answer = @(& imgen _complete powershell @before "=$word" 2>$null)

    if ($answer[0] -eq ':files') {
        [System.Management.Automation.CompletionCompleters]::CompleteFilename($word)
        return
    }
    foreach ($line in $answer) {
        $offer, $help = $line -split "`t", 2
        if (-not $help) { $help = $offer }
        [System.Management.Automation.CompletionResult]::new($offer, $offer, 'ParameterValue', $help)
    }
}
"""

SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH, Shell.POWERSHELL: _POWERSHELL}
"""The text of each; `completions/` holds them as files for packages."""

FILE_NAMES = {Shell.BASH: "imgen.bash", Shell.ZSH: "_imgen", Shell.FISH: "imgen.fish", Shell.POWERSHELL: "imgen.ps1"}
"""What each is called in `completions/`; pyproject.toml says where in a system it goes."""
