# Completion of `ckpt COMMAND ...`: names of commands, then whatever the tool of that name completes.

set -l commands average best bnfix convert fixres info sweep

# The tool's completions see the line as if the tool had been called by its own name.
function __ckpt_complete_tool
    set -l words (commandline -opc)
    complete -C (string join ' ' -- ckpt-$words[2] (string escape -- $words[3..]) (commandline -ct))
end

complete -c ckpt -f
complete -c ckpt -n __fish_is_first_token -a average -d 'Turn a series of checkpoints into one'
complete -c ckpt -n __fish_is_first_token -a best -d 'Find the best model that the checkpoints of a run can give'
complete -c ckpt -n __fish_is_first_token -a bnfix -d 'Recompute the BatchNorm running statistics of a checkpoint'
complete -c ckpt -n __fish_is_first_token -a convert -d 'Convert a checkpoint: format, compression, names, shards'
complete -c ckpt -n __fish_is_first_token -a fixres -d 'Fine-tune the last layers or blocks at test resolution'
complete -c ckpt -n __fish_is_first_token -a info -d 'List, verify and compare checkpoints'
complete -c ckpt -n __fish_is_first_token -a sweep -d 'Measure accuracy over inference sizes and choose one'
complete -c ckpt -n __fish_is_first_token -a help -d 'Show the help of a command'
complete -c ckpt -n __fish_is_first_token -l help -s h -d 'List the commands'
complete -c ckpt -n __fish_is_first_token -l version -d 'Show the version'
complete -c ckpt -n '__fish_seen_subcommand_from help' -a "$commands"
complete -c ckpt -n "__fish_seen_subcommand_from $commands; and not __fish_seen_subcommand_from help" \
    -a '(__ckpt_complete_tool)'
