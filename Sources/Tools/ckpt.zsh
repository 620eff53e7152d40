#compdef ckpt
# Completion of `ckpt COMMAND ...`: names of commands, then whatever the tool of that name completes.

_ckpt() {
    local -a commands=(
        'average:turn a series of checkpoints into one'
        'best:find the best model that the checkpoints of a run can give'
        'bnfix:recompute the BatchNorm running statistics of a checkpoint'
        'convert:convert a checkpoint\: format, compression, element type, names, shards'
        'fixres:fine-tune the last layers or blocks of a checkpoint at test resolution'
        'info:list, verify and compare checkpoints'
        'sweep:measure accuracy over inference sizes and choose one'
    )
    if (( CURRENT == 2 )); then
        local -a others=('help:show the help of a command')
        [[ $PREFIX == -* ]] && others+=('--help:list the commands' '--version:show the version')
        _describe command commands -- others
    elif [[ $words[2] == (help|--help|-h) ]]; then
        (( CURRENT == 3 )) && _describe command commands
    elif (( ${commands[(I)$words[2]:*]} )); then
        # The tool's function sees the line as if the tool had been called by its own name.
        words=("ckpt-$words[2]" "${(@)words[3,-1]}")
        (( CURRENT-- ))
        _normal -p ckpt
    fi
}

if [[ "${funcstack[1]}" = _ckpt ]]; then
    _ckpt "${@}"
else
    compdef _ckpt ckpt
fi
