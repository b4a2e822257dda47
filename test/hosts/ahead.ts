/** The variable that tells the trace-flow of a host in the lab by how many nanoseconds its clock is ahead. */

export const AHEAD_NAME = 'TRACE_FLOW_LAB_AHEAD';
