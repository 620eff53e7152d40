# Completion of `ckpt COMMAND ...`: names of commands, then whatever the tool of that name completes.

_ckpt() {
    local commands="average best bnfix convert fixres info sweep"
    local current=$2 command=${COMP_WORDS[1]}
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "$commands help --help --version" -- "$current"))
        return
    elif [[ $command == @(help|--help|-h) ]]; then
        [[ $COMP_CWORD -eq 2 ]] && COMPREPLY=($(compgen -W "$commands" -- "$current"))
        return
    elif [[ " $commands " != *" $command "* ]]; then
        return
    fi

    # The loader of bash-completion has two names; without it, the file stands next to this one.
    local tool=ckpt-$command
    declare -F "_$tool" >/dev/null || _comp_load "$tool" 2>/dev/null || __load_completion "$tool" 2>/dev/null ||
        source "${BASH_SOURCE[0]%/*}/$tool" 2>/dev/null
    declare -F "_$tool" >/dev/null || return

    # The tool's function sees the line as if the tool had been called by its own name.
    local rest=${COMP_LINE#*"${COMP_WORDS[0]}"}
    rest=${rest#*"$command"}
    local point=$((COMP_POINT - ${#COMP_LINE} + ${#tool} + ${#rest})) index=$((COMP_CWORD - 1))
    local words=("$tool" "${COMP_WORDS[@]:2}")
    local COMP_LINE=$tool$rest COMP_POINT=$point COMP_CWORD=$index COMP_WORDS=("${words[@]}")
    "_$tool" "$tool" "$current" "${COMP_WORDS[COMP_CWORD - 1]}"
}

complete -o filenames -F _ckpt ckpt
