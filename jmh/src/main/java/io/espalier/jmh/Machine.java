package io.espalier.jmh;

import java.lang.management.ManagementFactory;

/** What a reader of a table needs to know of the machine, and nothing that says which one it is. */
final class Machine {

    private Machine() {}

    /** Cores, memory, JDK and collector, on one line. */
    static String facts() {
        long memoryBytes =
                ((com.sun.management.OperatingSystemMXBean)
                                ManagementFactory.getOperatingSystemMXBean())
                        .getTotalMemorySize();
        return "%d cores, %d GiB, %s, JDK %s, %s"
                .formatted(
                        Runtime.getRuntime().availableProcessors(),
                        memoryBytes >> 30,
                        System.getProperty("os.arch"),
                        Runtime.version().feature(),
                        ManagementFactory.getGarbageCollectorMXBeans().getFirst().getName());
    }
}
