"""What changes deliverables: specified, judged by the gate, waived, expired."""
