# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_linux_api_global_optspecs
    string join \n config= log-format= v/verbose q/quiet acting-uid= h/help V/version
end

function __fish_linux_api_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_linux_api_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_linux_api_using_subcommand
    set -l cmd (__fish_linux_api_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c linux-api -n "__fish_linux_api_needs_command" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_needs_command" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_needs_command" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_needs_command" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_needs_command" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_needs_command" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_needs_command" -s V -l version -d 'Print version'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "serve" -d 'Run the daemon'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "status" -d 'Show whether the daemon is up and ready'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "stop" -d 'End the daemon that was started with `serve --detach`'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "setup" -d 'Install the daemon on this host, or remove it'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "tui" -d 'Watch one or many hosts in the terminal'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "remote" -d 'Add, list, test and remove the daemons to watch'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "user" -d 'Manage users and their keys'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "db" -d 'Look after the database and its backups'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "audit" -d 'Show the audit log'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "config" -d 'Show, check or start the configuration'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "doctor" -d 'Check everything and say what to do about each failure'
complete -c linux-api -n "__fish_linux_api_needs_command" -f -a "generate" -d 'Make completions, man pages and documentation'
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l listen -d 'Address and port to listen on' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l unix -d 'Also listen on this Unix socket' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l no-migrate -d 'Refuse to start while migrations are pending, instead of applying them'
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l demo -d 'Start with a throwaway database and a key that everybody may see'
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l detach -d 'Run in the background once ready; `linux-api stop` ends it'
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -l detached -d 'How a daemon in the background is started by `--detach`'
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand status" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand status" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand status" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand status" -l json -d 'Print the answer as JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand status" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand status" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand stop" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand stop" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand stop" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand stop" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand stop" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l answers -d 'Take the answers from this TOML file instead of asking' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l root -d 'Work on the system in this folder, which is not running, in place of this one' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l program -d 'Install this program in place of the one that is running' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l yes -d 'Ask nothing and take every default, or the answers of --answers'
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l dry-run -d 'Show what would be done and every file that would be written; change nothing'
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l uninstall -d 'Stop the daemon and remove what setup installed; configuration and data stay'
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -l purge -d 'Also remove configuration, keys, measurements and backups'
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand setup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -s l -l label -d 'Only remotes that carry this label; may be given several times' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -l demo -d 'Show a scripted fleet, without any daemon'
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -l read-only -d 'Change nothing on any host'
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -l ascii -d 'Use no characters beyond ASCII'
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -l no-mouse -d 'Leave the mouse to the terminal'
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand tui" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -f -a "add" -d 'Add a daemon, or give one another address or key'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -f -a "list" -d 'List the daemons'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -f -a "test" -d 'Ask one daemon, or all, and show who answers'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -f -a "remove" -d 'Remove a daemon and its key'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and not __fish_seen_subcommand_from add list test remove default" -f -a "default" -d 'Show or choose the daemon that the dashboard opens first'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -s l -l label -d 'A label to select it by; may be given several times' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -l ca-file -d 'Certificates in PEM to trust instead of the system\'s' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -l key-file -d 'Keep the key in a file that only this user can read, not in a keyring'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from list" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from list" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from list" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from list" -l json -d 'Print the list as JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from test" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from test" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from test" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from test" -l json -d 'Print the answers as JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from remove" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from remove" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from remove" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from default" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from default" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from default" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from default" -l none -d 'Have no default any more'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from default" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from default" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand remote; and __fish_seen_subcommand_from default" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "list" -d 'List all users'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "show" -d 'Show one user and its keys'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "add" -d 'Create a user and print its first key, once'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "delete" -d 'Delete a user and all its keys'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "activate" -d 'Let a user use the API'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "deactivate" -d 'Keep a user from using the API'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "role" -d 'Set a user\'s role'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "protect" -d 'Protect a user from every change, or remove the protection'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and not __fish_seen_subcommand_from list show add delete activate deactivate role protect key" -f -a "key" -d 'Manage the keys of a user'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -l admin -d 'Make it an admin'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -l inactive -d 'Do not let it use the API yet'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -l yes -d 'Do not ask'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from activate" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from activate" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from activate" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from activate" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from activate" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from activate" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from activate" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from deactivate" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from deactivate" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from deactivate" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from deactivate" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from deactivate" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from deactivate" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from deactivate" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from role" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from role" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from role" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from role" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from role" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from role" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from role" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -l off -d 'Remove the protection (needs direct database access)'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from protect" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -f -a "list" -d 'List a user\'s keys, ended ones included'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -f -a "create" -d 'Make one more key and print it, once'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -f -a "rotate" -d 'Replace a key by a new one, which is printed once'
complete -c linux-api -n "__fish_linux_api_using_subcommand user; and __fish_seen_subcommand_from key" -f -a "revoke" -d 'Revoke a key: it is refused within two seconds by every daemon'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "status" -d 'Show engine, schema, size, rows and the newest backup'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "migrate" -d 'Apply pending migrations, after a backup'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "rollback" -d 'Revert the newest migration, after a backup'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "log" -d 'List every attempt to change the schema, oldest first'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "backup" -d 'Make a backup, also while the daemon runs'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "backups" -d 'List the backups, newest first'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "verify" -d 'Read a backup in full and compare it with its checksums'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "restore" -d 'Replace everything in the database by a backup'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "prune" -d 'Delete backups by number and age, never the newest intact backup'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and not __fish_seen_subcommand_from status migrate rollback log backup backups verify restore prune import" -f -a "import" -d 'Import users, keys and measurements of the Python Linux-API'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from status" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from status" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from status" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from status" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -l to -d 'Revision to stop at' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -l dry-run -d 'Only show what would be done'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -l to -d 'Take back every migration above this revision; 0 empties the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -l yes -d 'Do not ask'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -l limit -d 'The newest attempts to show' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from log" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -l to -d 'Folder for the backup in place of backup.directory' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -l security -d 'Only users, keys, the audit log and settings'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backups" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backups" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backups" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backups" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backups" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backups" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from backups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -l all -d 'Every folder that looks like a backup, also those that are not listed'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -l restore -d 'Also restore it into a database that only exists for this, and compare every row'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -l into -d 'Another database than the configured one; - reads the URL from standard input, so that nobody sees a password in it' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -l yes -d 'Do not ask'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -l keep -d 'The newest ones to keep' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -l older-than -d 'Delete those that are older, such as 90d' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -l dry-run -d 'Only show what would be deleted'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -l yes -d 'Do not ask'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l from -d 'Folder of the Python program, for its .env and its users.db' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l env-file -d 'Its .env, for the URL of PostgreSQL and the secret of its keys' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l sqlite -d 'Its SQLite file with the users of the legacy routes' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l postgres -d 'URL of its PostgreSQL database, without a password (that may come from PGPASSWORD)' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l postgres-url-file -d 'File with that URL, password and all; - for standard input; else the variable `LINUX_API_IMPORT_POSTGRES_URL` is read' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l secret-file -d 'File with the secret of its keys; - for standard input; else its .env or the variable `API_KEY_SECRET` is read' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l rename-suffix -d 'Give users whose name is taken another one, with this at its end' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l host -d 'Host that the measurements are about, by its id; this one unless given' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l merge -d 'Take users of the same name for the same person, with the keys of both'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l without-measurements -d 'Leave out what was measured'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l dry-run -d 'Only say what would be done'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand db; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and not __fish_seen_subcommand_from list" -f -a "list" -d 'List changes and refused attempts, oldest first'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l actor -d 'Only by the user or Linux account of this name' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l action -d 'Only this action, such as user.create' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l target -d 'Only about this target, such as user:alice' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l result -d 'Only what was done, or what was refused' -r -f -a "done\t''
refused\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l from -d 'Only since this time, such as 2026-11-23T06:00:00Z' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l to -d 'Only until this time' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l limit -d 'The newest rows to show' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l remote -d 'Ask this daemon over HTTP, a remote\'s name or a URL, instead of using the database' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -s f -l follow -d 'Go on with what is written from now on, until interrupted'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -l json -d 'Print JSON: a list, or one object per line while following'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand audit; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -f -a "show" -d 'Show what is in effect and where each value comes from'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -f -a "check" -d 'List everything that is wrong with the configuration'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and not __fish_seen_subcommand_from show check init" -f -a "init" -d 'Print a commented example with every option and its default'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from show" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from check" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from check" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from init" -l output -d 'Write it to this new file instead' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from init" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from init" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from init" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand doctor" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand doctor" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand doctor" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand doctor" -l json -d 'Print JSON'
complete -c linux-api -n "__fish_linux_api_using_subcommand doctor" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand doctor" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -f -a "completions" -d 'Completions for bash, zsh and fish'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -f -a "man" -d 'A man page for each command'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -f -a "openapi" -d 'The API\'s description, openapi.json'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -f -a "screenshots" -d 'Pictures of the dashboard, as SVG'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and not __fish_seen_subcommand_from completions man openapi screenshots config-reference" -f -a "config-reference" -d 'The reference of the configuration, configuration.md'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from completions" -l out -d 'Folder to write to' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from completions" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from completions" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from completions" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from completions" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from completions" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from completions" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from man" -l out -d 'Folder to write to' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from man" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from man" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from man" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from man" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from man" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from man" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from openapi" -l out -d 'Folder to write to' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from openapi" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from openapi" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from openapi" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from openapi" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from openapi" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from openapi" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from screenshots" -l out -d 'Folder to write to' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from screenshots" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from screenshots" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from screenshots" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from screenshots" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from screenshots" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from screenshots" -s h -l help -d 'Print help'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from config-reference" -l out -d 'Folder to write to' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from config-reference" -l config -d 'Configuration file in place of the usual ones' -r -F
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from config-reference" -l log-format -d 'How log lines look' -r -f -a "text\t''
json\t''"
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from config-reference" -l acting-uid -d 'The Linux account that gave the command, when root became another one since' -r
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from config-reference" -s v -l verbose -d 'Log more; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from config-reference" -s q -l quiet -d 'Log less; may be given up to three times'
complete -c linux-api -n "__fish_linux_api_using_subcommand generate; and __fish_seen_subcommand_from config-reference" -s h -l help -d 'Print help'
