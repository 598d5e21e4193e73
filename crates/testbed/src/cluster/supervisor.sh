# Keeps one PostgreSQL server for a test process, and clears up after it however it ends.
#
# $1 is the cluster's folder, which is made here; the rest is the server's command. Orders come on standard input, a line
# each, and are answered by a line: `run COMMAND` is run to its end, whose exit code is the answer; `start` starts the
# server, whose process id is the answer. The end of the input ends the server at once and removes the folder. A command
# is never interrupted: half-way it would leave shared memory behind.
folder=$1
shift
# The terminal's signals are for the test process. Its end is heard on standard input, also in the midst of an answer.
trap '' HUP INT QUIT TERM PIPE
mkdir -m 700 "$folder" && cd "$folder"
echo "$?"

server=
while read -r order line; do
    case $order in
    run)
        eval "$line" >>log 2>&1 </dev/null
        echo "$?"
        ;;
    start)
        # A server that ended is still to be waited for, or its process id would look alive to the next.
        [ -z "$server" ] || wait "$server"
        "$@" >>log 2>&1 </dev/null &
        server=$!
        echo "$server"
        ;;
    esac
done

# State and parent of a process, as "$state" and "$parent". Fails where there is none.
look() {
    read -r line <"/proc/$1/stat" || return 1
    # shellcheck disable=SC2086 # words are meant: process, (name), state, parent
    set -- ${line##*) }
    state=$1 parent=$2
}

# Processes that were stopped hear no other signal.
wake() {
    for stat in /proc/[0-9]*; do
        look "${stat#/proc/}" && [ "$parent" = "$server" ] && kill -CONT "${stat#/proc/}"
    done
    kill -CONT "$server"
}

running() {
    look "$server" && [ "$state" != Z ]
}

end() {
    wake
    kill -QUIT "$server"
    tries=0
    while running && [ "$tries" -lt 600 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    kill -KILL "$server"
    wait "$server"
    # A server that was killed left its segment of shared memory; the file names it.
    segment=$(sed -n '7s/.* //p' data/postmaster.pid)
    [ -z "$segment" ] || ipcrm -m "$segment"
}

[ -z "$server" ] || end 2>/dev/null

cd / && rm -rf "$folder"
