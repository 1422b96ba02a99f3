# bash completion for docklog
_docklog() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    # bash takes "--output=json" for three words.
    if [[ $word == = ]]; then
        word=
    elif [[ $previous == = ]] && ((COMP_CWORD > 2)); then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case ${COMP_WORDS[1]} in
        soak)
            case $previous in
                --containers | --duration | --interval | --rotate-every | --rate | --image | --log-driver | --log-opt | -H | --host) return ;;
            esac
            words='--containers --duration --interval --rotate-every --rate --image --log-driver --log-opt --simulate --host --help'
            ;;
        top)
            case $previous in
                -c | --config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
                --every | --rows | --http) return ;;
            esac
            words='--every --rows --http --config --help'
            ;;
        status)
            case $previous in
                -c | --config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
                --http) return ;;
            esac
            words='--http --config --help'
            ;;
        check)
            case $previous in
                -c | --config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
                -H | --host) return ;;
            esac
            words='--config --host --help'
            ;;
        *)
            case $previous in
                -o | --output) mapfile -t COMPREPLY < <(compgen -W 'auto pretty json raw' -- "$word"); return ;;
                --output-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
                --state) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
                --sandbox) mapfile -t COMPREPLY < <(compgen -W 'auto on off' -- "$word"); return ;;
                -c | --config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
                -n | --tail | --since | --until | --exclude | --image | --label | --project | --service | --rotate-every | --max-streams | --max-latency | --http | -H | --host) return ;;
            esac
            words='--tail --since --until --no-follow --all --exclude --image --label --project --service --include-self --stdout --stderr --rotate-every --max-streams --max-latency --output --output-file --journal --timestamps --no-color --raw-control --state --http --sandbox --config --host --version --help'
            ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'check status top soak' -- "$word")
    fi
}
complete -F _docklog docklog
