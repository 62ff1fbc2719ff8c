# Prints what is wrong with a password file, and nothing if restic and a client read the same password from it. restic
# removes a byte order mark and trims Unicode white space around the whole text; a client gets the first line.
password_problem() { # FILE NAME
    local LC_ALL=C text password before after problem
    local space=$'(\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)'
    IFS= read -r -d '' text <"$1" || true
    before=${text%%[![:space:]]*}
    password=${text#"$before"}
    after=${password##*[![:space:]]}
    password=${password%"$after"}
    if [[ -z $password ]]; then
        printf 'the password file %s is missing or empty: its file system may be locked or not mounted\n' "$2"
        return 0
    fi
    if [[ $text == $'\xef\xbb\xbf'* || $text == $'\xff\xfe'* || $text == $'\xfe\xff'* ]]; then
        problem="begins with a byte order mark"
    elif (($(tr --delete --complement '\000' <"$1" | wc --bytes) > 0)); then
        problem="holds a NUL character"
    elif [[ $before == *$'\n'* ]]; then
        problem="begins with an empty line"
    elif [[ $password == *$'\n'* ]]; then
        problem="has more than one line"
    elif [[ ! $before =~ ^[\ $'\t']*$ || ! ${after%%$'\n'*} =~ ^([\ $'\t']*|$'\r')$ ||
        $password =~ ^$space || $password =~ $space$ ]]; then
        problem="has white space other than spaces around the password"
    else
        return 0
    fi
    printf 'the password file %s %s, so restic and the clients would read different passwords; %s\n' "$2" "$problem" \
        "write the password into it as one line of plain text"
}
