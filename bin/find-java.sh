# Finds a Java of version 25 or newer. Sourced by with-jdk25, mvnw and espalier; forks nothing on the way.

java_wanted=25
java_places='JAVA25_HOME, JAVA_HOME, the PATH, /usr/lib/jvm, /usr/java, /opt/java, ~/.sdkman, ~/.jdks, ~/.gradle/jdks'

# java_feature HOME: sets java_feature to the feature version of the Java at HOME, 0 if there is none
java_feature() {
    java_feature=0
    [ -r "$1/release" ] || return 0
    while IFS= read -r java_line || [ -n "$java_line" ]; do
        case $java_line in
            JAVA_VERSION=*)
                java_line=${java_line#*\"}
                java_line=${java_line#1.}
                java_line=${java_line%%[!0-9]*}
                java_feature=${java_line:-0}
                return 0
                ;;
        esac
    done <"$1/release"
}

# find_java TOOL: sets java_home to the first home that has bin/TOOL and is new enough; fails if there is none
find_java() {
    java_on_path=$(command -v "$1" 2>/dev/null) || java_on_path=
    case $java_on_path in
        /*)
            java_on_path=$(readlink -f "$java_on_path" 2>/dev/null) || java_on_path=
            java_on_path=${java_on_path%/bin/*}
            ;;
    esac
    for java_home in "${JAVA25_HOME:-}" "${JAVA_HOME:-}" "$java_on_path" \
        /usr/lib/jvm/* /usr/lib64/jvm/* /usr/java/* /opt/java/* /opt/jdk* /usr/local/openjdk* \
        "${HOME:-}"/.sdkman/candidates/java/* "${HOME:-}"/.jdks/* "${HOME:-}"/.gradle/jdks/* \
        /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home /Library/Java/JavaVirtualMachines/*/Contents/Home; do
        [ -n "$java_home" ] && [ -x "$java_home/bin/$1" ] || continue
        java_feature "$java_home"
        [ "$java_feature" -ge "$java_wanted" ] && return 0
    done
    java_home=
    return 1
}
